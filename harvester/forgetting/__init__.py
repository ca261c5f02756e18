"""`harvester forget`: finds a person wherever the harvester has stored documents, and removes or blanks them there."""
