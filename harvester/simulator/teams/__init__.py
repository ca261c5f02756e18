"""A simulated Microsoft Teams tenant: call records of Microsoft Graph, online meetings, and the token endpoint."""
