"""Linear decoders: a feature of what was heard, reconstructed from the brain by ridge regression over lags."""
