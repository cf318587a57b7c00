"""Trained decoders on recordings that are in no study: `decoder.py` is the port, `new_recording.py` prepares, `decoded.py` is what comes out."""
