"""How closely the brain of each person tracks speech: a table of measures, each beside its chance."""
