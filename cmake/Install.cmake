# What `cmake --install` leaves: headers, both libraries, gyre.pc and a CMake
# package. Nothing in it names the prefix, so the tree may be moved.

include(CMakePackageConfigHelpers)

# First, so that nothing of it is left anywhere.
if(GYRE_KQUEUE_SHIM)
	install(CODE [[message(FATAL_ERROR
		"This build has the tests' kqueue in it; install a release.")]])
endif()

set(GYRE_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/gyre)

# One export file each: a system may carry either library without the other.
foreach(kind IN ITEMS shared static)
	install(TARGETS gyre_${kind}
		EXPORT gyre-${kind}
		FILE_SET HEADERS
		INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
	install(EXPORT gyre-${kind}
		NAMESPACE gyre::
		DESTINATION ${GYRE_PACKAGE_DIR})
endforeach()

# By these the package sees which of the two is there.
set(GYRE_SHARED_FILE
	${CMAKE_SHARED_LIBRARY_PREFIX}gyre${CMAKE_SHARED_LIBRARY_SUFFIX})
set(GYRE_STATIC_FILE
	${CMAKE_STATIC_LIBRARY_PREFIX}gyre${CMAKE_STATIC_LIBRARY_SUFFIX})
configure_package_config_file(cmake/gyre-config.cmake.in
	${PROJECT_BINARY_DIR}/gyre-config.cmake
	INSTALL_DESTINATION ${GYRE_PACKAGE_DIR}
	PATH_VARS CMAKE_INSTALL_LIBDIR
	NO_CHECK_REQUIRED_COMPONENTS_MACRO)
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/gyre-config-version.cmake
	COMPATIBILITY SameMinorVersion)
install(FILES
	${PROJECT_BINARY_DIR}/gyre-config.cmake
	${PROJECT_BINARY_DIR}/gyre-config-version.cmake
	DESTINATION ${GYRE_PACKAGE_DIR})

# The way from gyre.pc back to the prefix.
file(RELATIVE_PATH GYRE_PC_TO_PREFIX
	/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
string(REGEX REPLACE "/$" "" GYRE_PC_TO_PREFIX "${GYRE_PC_TO_PREFIX}")
configure_file(cmake/gyre.pc.in ${PROJECT_BINARY_DIR}/gyre.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/gyre.pc
	DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
