"""Steps of the cleaning of sensors, one a file; `n2s.data.steps` is their port."""
