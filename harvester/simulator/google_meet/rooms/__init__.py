"""The meeting rooms of the organisation as Google serves them: resources, their calendars, and push channels."""
