# gyre_add_adapter(NAME pkg-config-module target "what it is" [source...]): a
# library of its own, gyre_NAME, on the public headers and one other library, of
# NAME.c or the sources.
function(gyre_add_adapter name module imported description)
	set(sources ${ARGN})
	if(NOT sources)
		set(sources ${name}.c)
	endif()
	add_library(gyre_${name} STATIC ${sources})
	add_library(gyre::${name} ALIAS gyre_${name})
	set_target_properties(gyre_${name} PROPERTIES
		EXPORT_NAME ${name}
		POSITION_INDEPENDENT_CODE ON)
	target_compile_definitions(gyre_${name} PRIVATE _GNU_SOURCE)
	target_sources(gyre_${name} PUBLIC FILE_SET HEADERS
		FILES gyre_${name}.h)
	# An installed one stands on whichever of gyre's libraries is there: the
	# package links it to that.
	target_link_libraries(gyre_${name}
		PUBLIC $<BUILD_INTERFACE:gyre_static> ${imported}
		PRIVATE $<BUILD_INTERFACE:gyre_warnings>)

	install(TARGETS gyre_${name}
		EXPORT gyre-${name}
		FILE_SET HEADERS
		INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
	install(EXPORT gyre-${name}
		NAMESPACE gyre::
		DESTINATION ${GYRE_PACKAGE_DIR})
	set(GYRE_ADAPTER ${name})
	set(GYRE_ADAPTER_MODULE ${module})
	set(GYRE_ADAPTER_DESCRIPTION ${description})
	configure_file(${PROJECT_SOURCE_DIR}/cmake/gyre-adapter.pc.in
		${PROJECT_BINARY_DIR}/gyre-${name}.pc @ONLY)
	install(FILES ${PROJECT_BINARY_DIR}/gyre-${name}.pc
		DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()
