//! What a file becomes.

use super::convert;

fn converted(text: &str, name: Option<&str>) -> String {
    String::from_utf8(convert(text.as_bytes(), name).text).unwrap()
}

#[test]
fn what_is_dropped_for_good_stays() {
    assert_eq!(
        converted(
            "create table t1 (a int);\ndrop table t1;\nselect 1;\n",
            Some("of")
        ),
        "create table t1 (a int);\n\nselect 1;\n"
    );
}

#[test]
fn a_table_that_is_made_again_stays_under_another_name() {
    assert_eq!(
        converted(
            "create table t1 (a int);\ndrop table if exists test.t1, t2;\ncreate table t1 (b int);\n",
            Some("of")
        ),
        "create table t1 (a int);\nRENAME TABLE IF EXISTS of.t1 TO of.`t1 #1`;\ncreate table t1 (b int);\n"
    );
}

#[test]
fn what_refers_to_each_other_stays_in_a_database_of_its_own() {
    let text = "create table t1 (a int);\ncreate view v1 as select * from test.t1;\ndrop view v1;\ndrop table t1;\n\
        create table t1 (b int);\ncreate view v1 as select 1 from test.t1;\ndrop view v1;\n";
    assert_eq!(
        converted(text, Some("of")),
        "create table t1 (a int);\ncreate view v1 as select * from of.t1;\nCREATE DATABASE of_2;\nUSE of_2;\n\n\
        create table t1 (b int);\ncreate view v1 as select 1 from of_2.t1;\n\n"
    );
}

#[test]
fn commands_to_the_host_and_the_server_are_left_out_with_what_belongs_to_them() {
    let text = "--exec rm -rf x\nperl;\nunlink 'x';\nEOF\nwrite_file $x END_OF;\nselect 2;\nEND_OF\nset global x = 1;\n--error 1\nselect 3;\n";
    let converted = convert(text.as_bytes(), Some("of"));
    assert_eq!(
        String::from_utf8(converted.text).unwrap().trim(),
        "--error 1\nselect 3;"
    );
    assert_eq!(converted.left_out["commands to the host"], 3);
    assert_eq!(converted.left_out["what changes the server"], 1);
}

#[test]
fn delimiters_and_quotes_are_those_of_the_program_that_runs_the_tests() {
    let text = "select '; drop table t1;';\ndelimiter |;\ncreate procedure p() begin drop table t1; end|\ndrop procedure p|\ndelimiter ;|\nselect `a;b`;\n";
    assert_eq!(
        converted(text, Some("of")),
        "select '; drop table t1;';\ndelimiter |;\ncreate procedure p() begin drop table t1; end|\n\ndelimiter ;|\nselect `a;b`;\n"
    );
}

#[test]
fn blocks_stay_what_they_are() {
    let text =
        "let $i= 2;\nwhile ($i)\n{\n  drop table t1;\n  dec $i;\n}\nif (`select 1;`) {\n  skip it;\n}\n";
    assert_eq!(
        converted(text, Some("of")),
        "let $i= 2;\nwhile ($i)\n{\n  \n  dec $i;\n}\nif (`select 1;`) {\n  skip it;\n}\n"
    );
}

#[test]
fn databases_of_a_file_have_its_name() {
    assert_eq!(
        converted(
            "create database db1;\nuse db1;\nselect * from db1.t, test.u;\nuse test;\n",
            Some("of")
        ),
        "create database of_db1;\nuse of_db1;\nselect * from of_db1.t, of.u;\nuse of;\n"
    );
}

#[test]
fn bytes_of_any_encoding_stay() {
    assert_eq!(
        convert(b"insert into t values ('\x83\x5c');\n", None).text,
        b"insert into t values ('\x83\x5c');\n"
    );
}
