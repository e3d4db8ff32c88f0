#include "coordinator/commands.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "coordinator/coordinator.h"
#include "coordinator/serve.h"

#define DAY_SECONDS 86400

enum err command_init(struct cli *cli)
{
    uint8_t governance[KEY_BYTES];
    struct coordinator *c;
    const char *digits = cli_text(cli, "governance", "");
    if (bytes_from_hex(digits, governance, KEY_BYTES) != ERR_OK) {
        err_set(ERR_USAGE, "--governance is not a public key of 64 hexadecimal digits");
        return err_hint("`gemel-coordinator roster key FILE` makes a governance key");
    }
    if (coordinator_create(cli_directory(cli), cli_text(cli, "name", ""),
                           cli_text(cli, "endpoint", ""), governance, &c) != ERR_OK)
        return err_code();
    struct json *json = json_new_object();
    json_set_text(json, "consortium", c->name);
    json_set_text(json, "folder", cli_directory(cli));
    json_set_text(json, "endpoint", conf_text(c->conf, "endpoint"));
    cli_result(cli, json);
    if (!cli_is_json(cli)) {
        printf("consortium %s\nfolder     %s\nendpoint   %s\n", c->name,
               cli_directory(cli), conf_text(c->conf, "endpoint"));
        cli_say(cli, "next: gemel-coordinator invite, then site add for every request");
    }
    coordinator_destroy(&c);
    return ERR_OK;
}

enum err command_status(struct cli *cli)
{
    struct coordinator *c;
    if (coordinator_open(cli_directory(cli), &c) != ERR_OK)
        return err_code();
    struct json *json = json_new_object();
    size_t members = c->roster ? roster_fields(c->roster)->members.count : 0;
    json_set_text(json, "consortium", c->name);
    json_set_text(json, "endpoint", conf_text(c->conf, "endpoint"));
    json_set_integer(json, "roster_version",
                     c->roster ? (int64_t)roster_fields(c->roster)->version : 0);
    json_set_integer(json, "members", (int64_t)members);
    cli_result(cli, json);
    if (!cli_is_json(cli))
        printf("consortium %s\nendpoint   %s\nmembers    %zu\nstore      %s\n", c->name,
               conf_text(c->conf, "endpoint"), members, store_library());
    coordinator_destroy(&c);
    return ERR_OK;
}

static enum err make_invite(struct cli *cli, struct coordinator *c, char **text)
{
    int64_t days;
    if (cli_integer(cli, "days", 14, 1, 365, &days) != ERR_OK)
        return err_code();
    struct enrol_invite invite = {.consortium_name = c->name,
                                  .endpoint = conf_text(c->conf, "endpoint"),
                                  .issued = clock_wall(&clock_machine)};
    invite.expires = invite.issued + (uint64_t)days * DAY_SECONDS;
    memcpy(invite.governance_key, c->governance_key, KEY_BYTES);
    memcpy(invite.coordinator_key, c->key, KEY_BYTES);
    memcpy(invite.coordinator_curve, c->curve, KEY_BYTES);
    return roster_invite_text(c->identity, &invite, text);
}

enum err command_invite(struct cli *cli)
{
    struct coordinator *c;
    char *text = NULL, fingerprint[ROSTER_FINGERPRINT_SIZE];
    const char *out = cli_text(cli, "output", NULL);
    if (coordinator_open(cli_directory(cli), &c) != ERR_OK)
        return err_code();
    enum err result = make_invite(cli, c, &text);
    if (result == ERR_OK && out)
        result = file_write(out, text, strlen(text), 0644);
    if (result == ERR_OK) {
        uint8_t keys[3 * KEY_BYTES];
        memcpy(keys, c->governance_key, KEY_BYTES);
        memcpy(keys + KEY_BYTES, c->key, KEY_BYTES);
        memcpy(keys + 2 * KEY_BYTES, c->curve, KEY_BYTES);
        roster_fingerprint(keys, sizeof keys, fingerprint);
        struct json *json = json_new_object();
        json_set_text(json, "fingerprint", fingerprint);
        json_set_text(json, "invitation", text);
        cli_result(cli, json);
        if (!cli_is_json(cli) && !out)
            fputs(text, stdout);
        cli_say(cli, "invitation  %s   each hospital compares this by telephone",
                fingerprint);
    }
    mem_free(text);
    coordinator_destroy(&c);
    return result;
}

enum err command_serve(struct cli *cli)
{
    struct coordinator *c;
    log_setup(stderr, cli_given(cli, "debug") ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
              &clock_machine);
    if (coordinator_open(cli_directory(cli), &c) != ERR_OK)
        return err_code();
    enum err result = coord_serve_run(c, cli, cli_given(cli, "until-finished"));
    coordinator_destroy(&c);
    return result;
}
