"""Invented names in many scripts, and odd ones that break programs. None of them belongs to a real person."""

from __future__ import annotations

# (given name, family name, both in ASCII for e-mail addresses, whether the family name comes first)
PEOPLE: tuple[tuple[str, str, str, bool], ...] = (
    ("Ana", "Lima", "ana.lima", False),
    ("Björn", "Ødegård", "bjorn.odegard", False),
    ("Chloé", "Lefèvre", "chloe.lefevre", False),
    ("Dự", "Nguyễn", "du.nguyen", True),
    ("Elif", "Yıldız", "elif.yildiz", False),
    ("Føroya", "Petersen", "foroya.petersen", False),
    ("Γιώργος", "Αντωνίου", "giorgos.antoniou", False),
    ("Hannah", "O'Brien", "hannah.obrien", False),
    ("Иван", "Соколов", "ivan.sokolov", False),
    ("ليلى", "الحسن", "layla.alhasan", False),
    ("נועה", "לוי", "noa.levi", False),
    ("प्रिया", "शर्मा", "priya.sharma", False),
    ("สมชาย", "ใจดี", "somchai.jaidee", False),
    ("芳", "王", "fang.wang", True),
    ("花子", "鈴木", "hanako.suzuki", True),
    ("민준", "김", "minjun.kim", True),
    ("ნინო", "ბერიძე", "nino.beridze", False),
    ("Արամ", "Սարգսյան", "aram.sargsyan", False),
    ("ሰላም", "ታደሰ", "selam.tadesse", False),
    ("தமிழ்", "செல்வன்", "tamil.selvan", False),
    ("Zoë", "van der Berg", "zoe.vanderberg", False),
    ("Łukasz", "Wójcik", "lukasz.wojcik", False),
    ("José María", "Ñúñez", "josemaria.nunez", False),
    ("Ayşe", "İnönü-Çelik", "ayse.inonu", False),
    ("Jürgen", "Groß", "jurgen.gross", False),
    ("Ngozi", "Okafor", "ngozi.okafor", False),
    ("Siobhán", "Ní Bhriain", "siobhan.nibhriain", False),
    ("Mikołaj", "Dąbrowski", "mikolaj.dabrowski", False),
)

# Each occurs at least once where names are shown: these have broken parsers, terminals and web pages before.
ODD: tuple[str, ...] = (
    'Dr. "Bob" O\'Neil \\ Sons',
    "Line one\nLine two\tand a tab",
    "👩🏽‍💻 Zuzu 🎉",
    "\u202eמימין לשמאל\u202c (RTL)",
    "Ali<br>Baba<script>alert(1)</script>",
    "NUL\x00inside",
    "cut off \ud83d here",
    "Lima, Ana (Finance)",
    "  spaces around  ",
    "e\u0301 decomposed, \u00e9 composed",
    "A name that goes on " + "and on " * 30 + "until the end",
    "null",
    "=1+1",
    "\U0001f1ea\U0001f1fa",
    "\ufeffbyte order mark",
    "%2F%252F?x=1&y=2#z",
)

GUESTS_GIVEN: tuple[str, ...] = (
    "Alex", "Bea", "Carlos", "Dana", "Eun-ji", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kofi", "Lena", "Mei",
    "Noor", "Olga", "Pavel", "Quentin", "Rosa", "Samir", "Tove", "Uma", "Vera", "Wim", "Xenia", "Yusuf", "Žana",
)  # fmt: skip
GUESTS_FAMILY: tuple[str, ...] = (
    "Adeyemi", "Bauer", "Costa", "Dvořák", "Eriksen", "Fontaine", "García", "Haddad", "Ivanova", "Jansen",
    "Kowalski", "Lindqvist", "Moreau", "Novák", "Oliveira", "Papadakis", "Quispe", "Rossi", "Şahin", "Tanaka",
)  # fmt: skip
GUEST_DOMAINS: tuple[str, ...] = ("partner.example", "supplier.example", "guests.example")

TEAMS: tuple[tuple[str, str], ...] = (
    ("Research", "research"),
    ("Operations", "ops"),
    ("Teaching & Learning", "teaching"),
    ("Finance", "finance"),
    ("Platform", "platform"),
    ("Öffentlichkeitsarbeit", "press"),
    ("Library", "library"),
    ("Security", "security"),
    ("Human Resources", "hr"),
    ("設計", "design"),
)

TOPICS: tuple[str, ...] = (
    "weekly", "stand-up", "planning", "retrospective", "office hours", "review", "seminar", "one to one", "demo",
    "budget", "interviews", "reading group", "incident review", "onboarding",
)  # fmt: skip
