# SPDX-License-Identifier: Apache-2.0
"""Write files as a C source with a struct page_part (page.h) for each.

usage: embed.py OUTPUT FILE...
"""

import os
import sys

output, *files = sys.argv[1:]
with open(output, "w", encoding="ascii") as out:
    out.write('#include "worker/web/page.h"\n')
    for path in files:
        name = os.path.basename(path).replace(".", "_")
        with open(path, "rb") as file:
            content = file.read()
        characters = ",".join("'\\x%02x'" % byte for byte in content + b"\0")
        out.write("static const char %s_bytes[] = {%s};\n" % (name, characters))
        out.write("static const size_t %s_length = %d;\n" % (name, len(content)))
        out.write("const struct page_part %s = { %s_bytes, &%s_length };\n" % (name, name, name))
