"""The gRPC shells of the control plane: they translate and decide nothing."""
