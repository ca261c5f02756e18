"""The index and component templates, as JSON beside this file; `harvester.sinks.elastic.templates` reads them."""
