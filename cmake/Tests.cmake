# gyre_add_test(<name> SOURCES <file>... LABELS <label>...
#               [DEFINITIONS <macro>...] [LIBRARIES <target>...]
#               [ARGUMENTS <argument>...] [TIMEOUT <seconds>]
#               [EXPECT_EXIT <status>] [WITHOUT_GYRE] [POLLERS])
#
# Makes the program bin/<name> and the test of that name. It sees the private
# headers and links the static library and cmocka.
#
# LABELS       unit, integration or stress; release-only keeps it out of the
#              sanitizers' builds
# EXPECT_EXIT  it passes by ending with this status: for planted errors
# WITHOUT_GYRE do not link the library: for tests that compile a room's source
#              in another way
#
# POLLERS      run it again with each of the other pollers, as <name>@<poller>;
#              on the tests' stand-in for kqueue with the label kqueue-shim
#
# A program that ends with 77 was skipped.
function(gyre_add_test name)
	cmake_parse_arguments(PARSE_ARGV 1 ARG "WITHOUT_GYRE;POLLERS" "TIMEOUT;EXPECT_EXIT"
		"SOURCES;LABELS;DEFINITIONS;LIBRARIES;ARGUMENTS")
	if(ARG_UNPARSED_ARGUMENTS OR NOT ARG_SOURCES OR NOT ARG_LABELS)
		message(FATAL_ERROR "gyre_add_test(${name}): bad arguments")
	endif()

	add_executable(${name} ${ARG_SOURCES})
	target_compile_definitions(${name} PRIVATE ${ARG_DEFINITIONS})
	# assert() in a test is never compiled out.
	target_compile_options(${name} PRIVATE -UNDEBUG)
	target_link_libraries(${name} PRIVATE
		gyre_private gyre_warnings ${ARG_LIBRARIES} PkgConfig::GYRE_CMOCKA)
	if(NOT ARG_WITHOUT_GYRE)
		target_link_libraries(${name} PRIVATE gyre::gyre_static)
	endif()

	if(DEFINED ARG_EXPECT_EXIT)
		add_test(NAME ${name} COMMAND ${PROJECT_SOURCE_DIR}/tests/expect_exit
			${ARG_EXPECT_EXIT} $<TARGET_FILE:${name}> ${ARG_ARGUMENTS})
	else()
		add_test(NAME ${name} COMMAND ${name} ${ARG_ARGUMENTS})
	endif()
	gyre_describe_test(${name} LABELS ${ARG_LABELS} TIMEOUT ${ARG_TIMEOUT})
	if(ARG_POLLERS)
		gyre_run_with_poller(${name} poll ${ARG_LABELS})
		if(GYRE_KQUEUE_SHIM)
			gyre_run_with_poller(${name} kqueue
				${ARG_LABELS} kqueue-shim)
		endif()
	endif()
endfunction()

# gyre_plant(<variable> <bug> <room's file>)
#
# The variable names a copy of the source with a bug that tests/models/plant
# knows, for a test that must find it. Two tests of one folder that plant the
# same bug use two variables, for each has its copy.
function(gyre_plant variable bug file)
	set(plant ${PROJECT_SOURCE_DIR}/tests/models/plant)
	set(mutant ${CMAKE_CURRENT_BINARY_DIR}/${variable}_${bug}.c)
	add_custom_command(OUTPUT ${mutant}
		COMMAND ${plant} ${bug} ${PROJECT_SOURCE_DIR}/${file} ${mutant}
		DEPENDS ${plant} ${PROJECT_SOURCE_DIR}/${file}
		VERBATIM)
	set_source_files_properties(${mutant} PROPERTIES COMPILE_OPTIONS -w)
	set(${variable} ${mutant} PARENT_SCOPE)
endfunction()

# gyre_run_with_poller(<name> <poller> <label>...)
function(gyre_run_with_poller name poller)
	add_test(NAME ${name}@${poller} COMMAND ${name})
	gyre_describe_test(${name}@${poller} LABELS ${ARGN})
	set_property(TEST ${name}@${poller} APPEND PROPERTY
		ENVIRONMENT GYRE_POLLER=${poller})
endfunction()

# gyre_describe_test(<name> LABELS <label>... [TIMEOUT <seconds>])
# Labels, time limit and the meaning of 77, for tests made by add_test().
function(gyre_describe_test name)
	cmake_parse_arguments(PARSE_ARGV 1 ARG "" "TIMEOUT" "LABELS")
	set(serial FALSE)
	set(limit 60)
	if("stress" IN_LIST ARG_LABELS)
		# Alone on the machine: others would change what it provokes.
		set(serial TRUE)
		set(limit 300)
	elseif(NOT "unit" IN_LIST ARG_LABELS)
		set(limit 180)
	endif()
	if(ARG_TIMEOUT)
		set(limit ${ARG_TIMEOUT})
	endif()
	# On a busy machine a loop may well wait for a CPU, and say so.
	set_property(TEST ${name} APPEND PROPERTY ENVIRONMENT GYRE_WATCHDOG=0)
	set_tests_properties(${name} PROPERTIES
		LABELS "${ARG_LABELS}"
		TIMEOUT ${limit}
		SKIP_RETURN_CODE 77
		RUN_SERIAL ${serial})
endfunction()
