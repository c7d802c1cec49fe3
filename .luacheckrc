std = "lua54"
max_line_length = 120
files["tests/spec"] = { std = "lua54+busted" }
files["lua/moondial/library"] = { ignore = { "1..", "2..", "4..", "5..", "6.." } }
-- configuration files: env("NAME") reads the environment
files["examples/**/moondial.lua"] = { read_globals = { "env" } }
