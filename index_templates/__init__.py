"""The index and component templates, as JSON beside this file; `harvester.templates` reads them."""
