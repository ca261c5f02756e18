"""Where documents go: standard output or Elasticsearch."""
