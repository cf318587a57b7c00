"""How alike two texts are: functions of words that are numbers, for many windows at once."""
