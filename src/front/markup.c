#include "markup.h"

#include "base/bytes.h"
#include "base/memory.h"

void markup_text(FILE *out, const char *text)
{
    char *clean = bytes_to_utf8(text);
    for (const char *at = clean; *at; at++) {
        if (*at == '&')
            fputs("&amp;", out);
        else if (*at == '<')
            fputs("&lt;", out);
        else if (*at == '>')
            fputs("&gt;", out);
        else if (*at == '"')
            fputs("&quot;", out);
        else if (*at == '\'')
            fputs("&#39;", out);
        else if (((unsigned char)*at < 0x20 && *at != '\n' && *at != '\t') || *at == 0x7f)
            fputs("\xef\xbf\xbd", out);
        else
            fputc(*at, out);
    }
    mem_free(clean);
}
