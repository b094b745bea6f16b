# gyre_add_program(<name> SOURCES <file>... [LIBRARIES <target>...])
#
# Makes bin/<name> as a user's program is made: the public headers and the
# static library, and nothing private.
function(gyre_add_program name)
	cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "SOURCES;LIBRARIES")
	if(ARG_UNPARSED_ARGUMENTS OR NOT ARG_SOURCES)
		message(FATAL_ERROR "gyre_add_program(${name}): bad arguments")
	endif()
	add_executable(${name} ${ARG_SOURCES})
	target_link_libraries(${name} PRIVATE
		gyre::gyre_static gyre_warnings ${ARG_LIBRARIES})
endfunction()
