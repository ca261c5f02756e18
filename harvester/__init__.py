"""The meeting-data harvester: meetings and sessions out of vendors' APIs, into Elasticsearch or a pipe."""

__version__ = "0.1.0"
