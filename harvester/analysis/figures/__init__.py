"""The figures of the report, section by section: tables of numbers, without a word about how they are drawn."""
