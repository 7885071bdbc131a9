"""What programs compile to for a GPU and a TPU that this machine does not have."""
