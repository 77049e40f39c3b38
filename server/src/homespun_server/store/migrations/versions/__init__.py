"""One migration a file, in order; each names the one before."""
