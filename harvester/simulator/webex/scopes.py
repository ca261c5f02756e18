"""OAuth scopes of the simulated Webex."""

from __future__ import annotations

SCOPES = (
    "spark:kms",
    "spark:people_read",
    "spark-admin:people_read",
    "meeting:schedules_read",
    "meeting:participants_read",
    "meeting:preferences_read",
    "meeting:admin_schedule_read",
    "meeting:admin_participants_read",
    "meeting:admin_preferences_read",
    "meeting:admin_config_read",
    "analytics:read_all",
    "spark-compliance:meetings_read",
)
GRANTED = SCOPES[:-1]
ADMIN_SCHEDULE = ("meeting:admin_schedule_read", "spark-compliance:meetings_read")
ADMIN_PARTICIPANTS = ("meeting:admin_participants_read", "spark-compliance:meetings_read")
