std = "lua54"
max_line_length = 100
files["tests/spec"] = { std = "lua54+busted" }
files["lua/moondial/library"] = { ignore = { "1..", "2..", "5..", "6.." } }
