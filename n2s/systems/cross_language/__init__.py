"""Models across languages: trained on one, tested on another, beside within and both, for encoding and for decoding."""
