"""What people and machines look at a running bot with: status, terminal view, metrics, control socket, logs."""
