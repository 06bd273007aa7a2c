#pragma once
/// Two files that take a result's value, one with exceptions and one without, in one program.

/// Takes the value of an error in the file without exceptions, whose handler ends the program.
[[noreturn]] void fail_without_exceptions();
/// The exit code it ends with.
inline constexpr int handled = 7;
