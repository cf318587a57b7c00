"""From windows at events to their classes: phones, words, commands, speech against silence."""
