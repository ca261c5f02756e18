"""A simulated Webex: meetings, participants, meeting qualities and OAuth login."""
