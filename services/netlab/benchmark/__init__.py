"""What each network mode costs this machine's own requests: measured in turns, noise set apart."""
