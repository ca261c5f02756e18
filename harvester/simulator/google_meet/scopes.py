"""OAuth scopes of the simulated Google: those that each API accepts, and those that a service account is granted."""

from __future__ import annotations

from harvester.simulator import APIS

AUTH = "https://www.googleapis.com/auth/"

# By API: a token with one of these scopes may read.
READ = {
    "reports": ("admin.reports.audit.readonly",),
    "meet": ("meetings.space.readonly",),
    "directory": ("admin.directory.user.readonly", "admin.directory.user"),
    "calendar": ("calendar.events.readonly", "calendar.readonly", "calendar.events", "calendar"),
}
DELEGATED = {
    "reports": ("admin.reports.audit.readonly",),
    "meet": ("meetings.space.readonly",),
    "directory": ("admin.directory.user.readonly",),
    "calendar": ("calendar.events.readonly", "calendar.readonly"),
}
# By API: what a service account is granted for rooms besides.
ROOMS = {
    "directory": ("admin.directory.resource.calendar.readonly",),
    "calendar": ("calendar.events", "calendar.freebusy"),
}
SCOPES = tuple(AUTH + name for api in APIS for name in DELEGATED[api])
_KNOWN = (
    "admin.reports.usage.readonly", "calendar.events.owned.readonly", "calendar.freebusy", "directory.readonly",
    "admin.directory.resource.calendar.readonly", "drive.readonly", "drive.meet.readonly", "meetings.space.settings",
    "meetings.space.created", "userinfo.email", "userinfo.profile",
)  # fmt: skip
# In the order of the bits of a token.
EVERY_SCOPE = tuple(
    dict.fromkeys([AUTH + s for api in APIS for s in READ[api]] + [AUTH + s for s in _KNOWN] + ["openid"])
)
