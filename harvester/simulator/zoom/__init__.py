"""A simulated Zoom account: dashboard, reports, past meetings, users and the token endpoint."""
