#include "markup.h"

#include "check.h"

static void markup__text_stays_text(void **state)
{
    (void)state;
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    markup_text(out, "<b a=\"1\" c='2'>&amp;</b>\tµg\n\x01\x7f\xff");
    fclose(out);
    assert_string_equal(text,
                        "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;amp;&lt;/b&gt;\tµg\n"
                        "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(markup__text_stays_text)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
