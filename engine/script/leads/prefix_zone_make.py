#!/usr/bin/python3
"""Makes the table of prefix_zone.h: prefix_zone_make.py FILE.c

Out of the package python3-phonenumbers (Apache licence, the data is Google's
libphonenumber's)."""
import sys

from phonenumbers.timezone import TIMEZONE_DATA
from phonenumbers.timezone import UNKNOWN_TIMEZONE

DIGITS = 9


def main(path):
    groups = {n: [] for n in range(DIGITS + 1)}
    for prefix, zones in TIMEZONE_DATA.items():
        if UNKNOWN_TIMEZONE in zones:
            continue
        if len(prefix) > DIGITS or not prefix.isdigit() or prefix[0] == "0":
            sys.exit(f"prefix {prefix}: prefix_zone.h must learn of it")
        groups[len(prefix)].append((int(prefix), ",".join(zones)))
    if sum(map(len, groups.values())) < 1000:
        sys.exit("python3-phonenumbers: its table of time zones is not whole")
    lines = ["/* Made by prefix_zone_make.py. */",
             '#include "script/leads/prefix_zone.h"', "", "#include <stddef.h>"]
    for digits, entries in groups.items():
        if entries:
            lines += ["", f"static const struct prefix_zone of_{digits}[] = {{"]
            lines += [f'\t{{{prefix}, "{zones}"}},' for prefix, zones in sorted(entries)]
            lines += ["};"]
    lines += ["", f"const struct prefix_zone_group prefix_zones[PREFIX_ZONE_DIGITS + 1] = {{"]
    for digits, entries in groups.items():
        lines.append(f"\t{{of_{digits}, {len(entries)}}}," if entries else "\t{NULL, 0},")
    lines += ["};"]
    with open(path, "w", encoding="ascii") as out:
        out.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
