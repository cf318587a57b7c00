"""High-gamma activity of electrodes predicted from features of speech, beside baselines that know less."""
