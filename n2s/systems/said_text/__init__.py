"""From windows at sentences to what is said: phones by CTC, words by a lexicon and a language model."""
