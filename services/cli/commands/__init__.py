"""The commands of `live-runner`, one file each."""
