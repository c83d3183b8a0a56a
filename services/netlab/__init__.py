"""The network lab: what Docker's network and storage really do to the running stack."""
