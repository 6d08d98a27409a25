#!/usr/bin/env python3
"""Extracts from an OpenAPI document what its operations answer: status, list key, and the name and type of each field.

    python3 tests/openapi/fields.py twilio_taskrouter_v1.json > tests/openapi/taskrouter_v1.fields.json
    python3 tests/openapi/fields.py twilio_api_v2010.json VOICE > tests/openapi/api_v2010.fields.json

`VOICE` leaves out what is not about accounts and calls: messages, addresses, add-ons.

Types: string, integer, number, boolean, object, array, any; a `?` behind it says that null is allowed.
"""

import json
import sys

METHODS = ("get", "post", "delete")
VOICE = (
    "Accounts", "Accounts/{Sid}", "Applications", "AvailablePhoneNumbers", "Balance", "Calls", "Conferences",
    "IncomingPhoneNumbers", "Keys", "Notifications", "OutgoingCallerIds", "Queues", "Recordings", "SIP", "SigningKeys",
    "Tokens", "Transcriptions", "Usage",
)
ADD_ONS = ("AddOnResults", "AssignedAddOns")


def is_voice(path):
    path = path.removeprefix("/2010-04-01/").removesuffix(".json")
    kind = path if path in VOICE else path.removeprefix("Accounts/{AccountSid}/").split("/")[0]
    return kind in VOICE and not any(part in path for part in ADD_ONS)


def resolved(spec, schema):
    while "$ref" in schema:
        nullable = schema.get("nullable", False)
        schema = dict(spec["components"]["schemas"][schema["$ref"].split("/")[-1]])
        schema["nullable"] = schema.get("nullable", False) or nullable
    return schema


def kind(spec, schema):
    schema = resolved(spec, schema)
    return schema.get("type", "any") + ("?" if schema.get("nullable") else "")


def fields(spec, schema):
    properties = resolved(spec, schema).get("properties", {})
    return {name: kind(spec, value) for name, value in sorted(properties.items())}


def answer(spec, operation):
    status = next(code for code in sorted(operation["responses"]) if code.startswith("2"))
    content = operation["responses"][status].get("content", {}).get("application/json")
    told = {"operation": operation["operationId"], "status": int(status)}
    if content:
        schema = resolved(spec, content["schema"])
        if "meta" in schema.get("properties", {}):
            key = next(name for name in schema["properties"] if name != "meta")
            told["list"] = key
            schema = schema["properties"][key]["items"]
        elif "first_page_uri" in schema.get("properties", {}):
            key = next(name for name, value in schema["properties"].items() if value.get("type") == "array")
            told["list"] = key
            schema = schema["properties"][key]["items"]
        told["fields"] = fields(spec, schema)
    return told


def main(path, only=None):
    with open(path, encoding="utf-8") as file:
        spec = json.load(file)
    operations = {
        f"{method.upper()} {path}": answer(spec, item[method])
        for path, item in sorted(spec["paths"].items())
        if only != "VOICE" or is_voice(path)
        for method in METHODS
        if method in item
    }
    lines = (f"  {json.dumps(name)}: {json.dumps(told)}" for name, told in operations.items())
    print("{\n" + ",\n".join(lines) + "\n}")


if __name__ == "__main__":
    main(*sys.argv[1:])
