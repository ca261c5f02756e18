"""A simulated Google Workspace: the token endpoint, Meet, Admin Reports, the Directory and Calendar.

Sources: the discovery documents in the google-api-python-client wheel (2.202.0), Google's guides, and reports
of users of the APIs. If Google documents nothing, the simulator implements one of the possible behaviours,
and often each in turn.
"""
