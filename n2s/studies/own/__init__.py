"""A laboratory's own folder: BIDS, or arrays of BOLD."""
