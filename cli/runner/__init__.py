"""What `up` needs to run all processes on one machine. The commands are in `cli/commands`."""
