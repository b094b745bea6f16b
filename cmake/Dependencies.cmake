# Finds what gyre is built on. What is missing is named once, with the package
# that brings it on each system.

find_package(Threads REQUIRED)
find_package(PkgConfig)
if(NOT PkgConfig_FOUND)
	message(FATAL_ERROR " gyre needs pkg-config; install: Debian pkg-config, Fedora pkgconf-pkg-config, FreeBSD pkgconf, macOS pkgconf")
endif()

# The leading space keeps CMake from breaking the line.
function(gyre_missing title packages)
	list(GET packages 0 debian)
	list(GET packages 1 fedora)
	list(GET packages 2 freebsd)
	list(GET packages 3 macos)
	message(FATAL_ERROR " gyre needs ${title}; install: Debian ${debian}, Fedora ${fedora}, FreeBSD ${freebsd}, macOS ${macos}")
endfunction()

# gyre_require_module(<prefix> <pkg-config module> <title> <package>...)
# Packages in the order Debian, Fedora, FreeBSD, macOS (Homebrew). Makes the
# target PkgConfig::<prefix> and sets <prefix>_INCLUDE_DIRS.
macro(gyre_require_module prefix module title)
	pkg_check_modules(${prefix} QUIET IMPORTED_TARGET ${module})
	if(NOT ${prefix}_FOUND)
		gyre_missing("${title}" "${ARGN}")
	endif()
endmacro()

# gyre_require_header(<target> <header> <title> <package>...)
# For libraries that are one header and come without a pkg-config file.
function(gyre_require_header target header title)
	string(TOUPPER "${target}_INCLUDE_DIR" directory)
	string(MAKE_C_IDENTIFIER ${directory} directory)
	find_path(${directory} ${header})
	mark_as_advanced(${directory})
	if(NOT ${directory})
		gyre_missing("${title}" "${ARGN}")
	endif()
	add_library(${target} INTERFACE IMPORTED GLOBAL)
	target_include_directories(${target} INTERFACE ${${directory}})
endfunction()

# Headers only: nothing of Concurrency Kit is linked.
gyre_require_module(GYRE_CK ck "Concurrency Kit"
	libck-dev ck-devel concurrencykit concurrencykit)
gyre_require_module(GYRE_URCU liburcu-qsbr "liburcu (QSBR)"
	liburcu-dev userspace-rcu-devel liburcu userspace-rcu)
# The library does without; adapters/ has what is built where they are.
pkg_check_modules(GYRE_CARES QUIET IMPORTED_TARGET libcares)
if(NOT GYRE_CARES_FOUND)
	message(STATUS "No c-ares, so no resolver of it; install: Debian libc-ares-dev, Fedora c-ares-devel, FreeBSD c-ares, macOS c-ares")
endif()
pkg_check_modules(GYRE_HWLOC QUIET IMPORTED_TARGET hwloc)
if(NOT GYRE_HWLOC_FOUND)
	message(STATUS "No hwloc, so /sys alone tells how CPUs hang together; install: Debian libhwloc-dev, Fedora hwloc-devel, FreeBSD hwloc2, macOS hwloc")
endif()
pkg_check_modules(GYRE_TLS QUIET IMPORTED_TARGET openssl>=3)
if(NOT GYRE_TLS_FOUND)
	message(STATUS "No OpenSSL 3, so no TLS; install: Debian libssl-dev, Fedora openssl-devel, FreeBSD openssl, macOS openssl@3")
endif()
if(GYRE_TESTS)
	gyre_require_module(GYRE_CMOCKA cmocka cmocka
		libcmocka-dev libcmocka-devel cmocka cmocka)
endif()
if(GYRE_PROGRAMS)
	gyre_require_module(GYRE_SODIUM libsodium libsodium
		libsodium-dev libsodium-devel libsodium libsodium)
	gyre_require_header(gyre_uthash uthash.h uthash
		uthash-dev uthash-devel uthash uthash)
	# gyre-top reads JSON, and shows a screen where it can.
	pkg_check_modules(GYRE_CJSON QUIET IMPORTED_TARGET libcjson)
	pkg_check_modules(GYRE_NCURSES QUIET IMPORTED_TARGET ncurses)
	if(NOT GYRE_CJSON_FOUND)
		message(STATUS "No cJSON, so no gyre-top; install: Debian libcjson-dev, Fedora cjson-devel, FreeBSD libcjson, macOS cjson")
	elseif(NOT GYRE_NCURSES_FOUND)
		message(STATUS "No ncurses, so gyre-top has no live screen; install: Debian libncurses-dev, Fedora ncurses-devel, FreeBSD ncurses, macOS ncurses")
	endif()
endif()
