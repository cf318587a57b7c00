"""fit, validate, test, predict: LightningCLI on recipes, with short errors."""
