//! Why a value on the command line cannot be used.

use super::texts;

texts! {
    // Durations and numbers.
    form_of_a_duration():
        "write a whole number and a unit, as `500ms`, `10s`, `2m` or `1h`"
        | "escreva um número inteiro e uma unidade, como `500ms`, `10s`, `2m` ou `1h`";
    must_last(): "it must be longer than zero" | "a duração deve ser maior que zero";
    must_end_within_a_day(): "it must be at most `24h`" | "a duração deve ser de no máximo `24h`";
    must_be_between(least: u32, most: u32):
        "it must be a whole number from {least} to {most}" | "o valor deve ser um número inteiro de {least} a {most}";
    must_be_above_zero():
        "it must be a whole number above 0, and below 2^32"
        | "o valor deve ser um número inteiro maior que 0 e menor que 2^32";

    // Of a probe.
    form_of_a_rate(): "write a number, as `10` or `0.5`" | "escreva um número, como `10` ou `0.5`";
    must_be_a_rate(highest: f64):
        "it must be above 0 and at most {highest}" | "o valor deve ser maior que 0 e no máximo {highest}";
    must_be_one_a_day(): "it must be at least one a day" | "o valor deve ser de pelo menos um por dia";
    form_of_a_date():
        "write a date with its time and offset, as `2025-01-01T19:17:42-03:00`"
        | "escreva uma data com a hora e o fuso, como `2025-01-01T19:17:42-03:00`";

    // Hosts and ports.
    form_of_a_login():
        "write `user@host` or `user@host:port`" | "escreva `usuário@host` ou `usuário@host:porta`";
    form_of_a_target():
        "write a host and a port, as `10.43.0.7:52023`" | "escreva um host e uma porta, como `10.43.0.7:52023`";
    form_of_ipv6():
        "write an IPv6 address in brackets, as `[::1]:22`"
        | "escreva um endereço IPv6 entre colchetes, como `[::1]:22`";
    no_user(): "there is no user before `@`" | "não há usuário antes de `@`";
    no_bracket(): "there is no `]` after `[`" | "não há `]` depois de `[`";
    only_a_port_after_brackets(): "only `:port` can follow `]`" | "depois de `]` só pode vir `:porta`";
    no_host(): "it names no host" | "não há nome de host";
    letters_of_a_host():
        "a host's name has letters, digits, `-`, `.` and `_` only"
        | "o nome de um host só tem letras, algarismos, `-`, `.` e `_`";
    no_port():
        "the port is not a number from 1 to 65535" | "a porta não é um número de 1 a 65535";
}
