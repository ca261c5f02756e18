"""A simulated Google Workspace: the token endpoint, Meet, Admin Reports, the Directory and Calendar.

Sources: the discovery documents in the google-api-python-client wheel (2.202.0), Google's guides and what those who
use the APIs report. Where Google says nothing, what is served here is one of the possible ways, and often each in turn.
"""
