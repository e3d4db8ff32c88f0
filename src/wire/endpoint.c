#include "wire/endpoint.h"

#include <string.h>

#define PREFIX "tcp://"
#define HOST_TEXT_MAX 253
#define DIGITS "0123456789"
#define HEX_DIGITS DIGITS "abcdefABCDEF"
#define NAME_LETTERS DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-"

/* Whether all `size` characters are of `set`, and there is one. */
static bool consists_of(const char *text, size_t size, const char *set)
{
    return size > 0 && strspn(text, set) >= size;
}

static bool host_holds(const char *host, size_t size, bool to_bind)
{
    if (size == 1 && *host == '*')
        return to_bind;
    if (size > 2 && host[0] == '[' && host[size - 1] == ']')
        return consists_of(host + 1, size - 2, HEX_DIGITS ":.") &&
               memchr(host, ':', size) != NULL;
    return size <= HOST_TEXT_MAX && consists_of(host, size, NAME_LETTERS) &&
           host[0] != '-' && host[0] != '.';
}

static bool port_holds(const char *port, bool to_bind)
{
    size_t size = strlen(port);
    if (to_bind && (strcmp(port, "*") == 0 || strcmp(port, "0") == 0))
        return true;
    if (size > 5 || !consists_of(port, size, DIGITS) || port[0] == '0')
        return false;
    unsigned number = 0;
    for (; *port; port++)
        number = 10 * number + (unsigned)(*port - '0');
    return number <= 65535;
}

enum err endpoint_check(const char *text, bool to_bind)
{
    if (strnlen(text, ENDPOINT_TEXT_MAX + 1) > ENDPOINT_TEXT_MAX)
        return err_set(ERR_RANGE, "an address of more than %d characters",
                       ENDPOINT_TEXT_MAX);
    const char *host = text + strlen(PREFIX);
    if (strncmp(text, PREFIX, strlen(PREFIX)) != 0)
        return err_set(ERR_RANGE, "the address \"%s\" does not begin with " PREFIX, text);
    const char *colon = strrchr(host, ':');
    if (!colon || !host_holds(host, (size_t)(colon - host), to_bind))
        return err_set(ERR_RANGE, "the address \"%s\" has no proper host", text);
    if (!port_holds(colon + 1, to_bind))
        return err_set(ERR_RANGE, "the address \"%s\" has no proper port", text);
    return ERR_OK;
}
