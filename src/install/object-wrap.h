// COMPAT(better-sqlite3 12, Node 24.19 and later): read by the compiler before better-sqlite3's own sources.
//
// Since 24.19 an ObjectWrap of Node's headers gives back a cleanup hook when it dies. That needs an entered context,
// which there is none of when garbage is collected between two callbacks: the whole process aborts ("Assertion failed:
// (env) != nullptr"). Without the hook an ObjectWrap is what it was before: it is not freed when the process ends.
// better-sqlite3 13 needs none of this, and no Node 20 either.
#include <node.h>

#define AddEnvironmentCleanupHook(isolate, hook, object) static_cast<void>(0)
#define RemoveEnvironmentCleanupHook(isolate, hook, object) static_cast<void>(0)
#include <node_object_wrap.h>
#undef AddEnvironmentCleanupHook
#undef RemoveEnvironmentCleanupHook
