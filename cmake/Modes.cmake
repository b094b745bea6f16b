# How code is compiled: three interface targets that the others link.

# What a whole build is made with: its sanitizers and the like. The libraries
# hand it on to everything in this build that links them.
add_library(gyre_mode INTERFACE)
if(GYRE_SANITIZE)
	target_compile_options(gyre_mode INTERFACE
		-fsanitize=${GYRE_SANITIZE}
		-fno-sanitize-recover=all
		-fno-omit-frame-pointer
		-O1)
	target_link_options(gyre_mode INTERFACE -fsanitize=${GYRE_SANITIZE})
endif()
if(GYRE_FUZZ)
	target_compile_options(gyre_mode INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(GYRE_COVERAGE)
	target_compile_options(gyre_mode INTERFACE --coverage -fprofile-update=atomic)
	target_link_options(gyre_mode INTERFACE --coverage)
endif()
if(GYRE_DEBUG)
	target_compile_definitions(gyre_mode INTERFACE GYRE_DEBUG)
endif()

# Our own code must be free of these; nobody who links us inherits them.
add_library(gyre_warnings INTERFACE)
target_compile_options(gyre_warnings INTERFACE
	-Wall
	-Wextra
	-Wpedantic
	-Wformat=2
	-Wmissing-prototypes
	-Wold-style-definition
	-Wpointer-arith
	-Wshadow
	-Wstrict-prototypes
	-Wundef
	-Wvla
	-Wwrite-strings
	$<$<BOOL:${GYRE_WERROR}>:-Werror>)

# What the rooms and their tests see and a user does not: each other's private
# headers and the libraries beneath the seams.
add_library(gyre_private INTERFACE)
target_include_directories(gyre_private INTERFACE
	${PROJECT_SOURCE_DIR}
	${PROJECT_SOURCE_DIR}/include)
if(GYRE_SANITIZE STREQUAL "thread")
	# A ck_pr.h that the sanitizer can see, before Concurrency Kit's.
	target_include_directories(gyre_private BEFORE INTERFACE
		${PROJECT_SOURCE_DIR}/base/tsan)
endif()
target_include_directories(gyre_private SYSTEM INTERFACE
	${GYRE_CK_INCLUDE_DIRS}
	${GYRE_URCU_INCLUDE_DIRS})
target_compile_definitions(gyre_private INTERFACE _GNU_SOURCE)
if(GYRE_KQUEUE_SHIM)
	if(NOT GYRE_TESTS)
		message(FATAL_ERROR "GYRE_KQUEUE_SHIM is for the tests: set GYRE_TESTS")
	endif()
	# Here is the stand-in's <sys/event.h>.
	target_include_directories(gyre_private INTERFACE
		${PROJECT_SOURCE_DIR}/tests/kqueue)
	target_compile_definitions(gyre_private INTERFACE GYRE_KQUEUE_SHIM)
endif()
target_link_libraries(gyre_private INTERFACE gyre_mode Threads::Threads)
