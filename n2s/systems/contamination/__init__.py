"""Is a decoder of spoken words a decoder of muscles, movement or sound? The brain beside its controls, and a verdict."""
