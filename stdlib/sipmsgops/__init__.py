"""sipmsgops: operations on SIP messages (headers, bodies, codecs, checks); other modules may call the functions."""

from stdlib.sipmsgops.bodies import (
    add_body_part,
    get_updated_body_part,
    has_body,
    has_body_part,
    remove_body_part,
)
from stdlib.sipmsgops.checks import (
    has_totag,
    is_method,
    is_privacy,
    is_uri_user_e164,
    ruri_add_param,
    ruri_del_param,
    ruri_has_param,
    ruri_tel2sip,
)
from stdlib.sipmsgops.codecs import (
    codec_delete,
    codec_delete_except_re,
    codec_delete_re,
    codec_exists,
    codec_exists_re,
    codec_move_down,
    codec_move_down_re,
    codec_move_up,
    codec_move_up_re,
    is_audio_on_hold,
    stream_delete,
    stream_exists,
)
from stdlib.sipmsgops.headers import (
    append_body_to_reply,
    append_hf,
    append_time,
    append_to_reply,
    append_urihf,
    change_reply_status,
    get_glob_headers_values,
    insert_hf,
    is_present_hf,
    remove_hf,
    remove_hf_glob,
    remove_hf_re,
    sip_to_json,
)
from stdlib.sipmsgops.lists import list_hdr_add_option, list_hdr_has_option, list_hdr_remove_option
from stdlib.sipmsgops.settings import module
from stdlib.sipmsgops.validate import sipmsg_validate

__all__ = [
    "add_body_part", "append_body_to_reply", "append_hf", "append_time", "append_to_reply", "append_urihf",
    "change_reply_status", "codec_delete", "codec_delete_except_re", "codec_delete_re", "codec_exists",
    "codec_exists_re", "codec_move_down", "codec_move_down_re", "codec_move_up", "codec_move_up_re",
    "get_glob_headers_values", "get_updated_body_part", "has_body", "has_body_part", "has_totag", "insert_hf",
    "is_audio_on_hold", "is_method", "is_present_hf", "is_privacy", "is_uri_user_e164", "list_hdr_add_option",
    "list_hdr_has_option", "list_hdr_remove_option", "module", "remove_body_part", "remove_hf", "remove_hf_glob",
    "remove_hf_re", "ruri_add_param", "ruri_del_param", "ruri_has_param", "ruri_tel2sip", "sip_to_json",
    "sipmsg_validate", "stream_delete", "stream_exists",
]  # fmt: skip
