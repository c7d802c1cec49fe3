# Writes OUT: db/migrations/*.sql and db/queries/*.sql as C arrays.
#   cmake -DDB=<db folder> -DOUT=<file.c> -P embed.cmake
set(bytes "")
set(offset 0)
set(tables "")
foreach(kind migrations queries)
	file(GLOB files ${DB}/${kind}/*.sql)
	list(SORT files)
	string(APPEND tables "const struct sql_entry sql_${kind}[] = {\n")
	set(count 0)
	foreach(file ${files})
		get_filename_component(name ${file} NAME_WE)
		file(READ ${file} hex HEX)
		string(LENGTH "${hex}" length)
		math(EXPR next "${offset} + ${length} / 2 + 1")
		string(REGEX REPLACE "(..)" "0x\\1," hex "${hex}")
		string(APPEND bytes "\t/* ${kind}/${name} */\n\t${hex}0,\n")
		string(APPEND tables "\t{\"${name}\", sql_text + ${offset}},\n")
		set(offset ${next})
		math(EXPR count "${count} + 1")
	endforeach()
	string(APPEND tables "};\nconst size_t sql_${kind}_count = ${count};\n\n")
endforeach()
file(WRITE ${OUT}.new "/* Made by db/embed.cmake. */
#include \"store/sql.h\"

const char sql_text[] = {
${bytes}};
const size_t sql_text_size = ${offset};

${tables}")
file(RENAME ${OUT}.new ${OUT})
