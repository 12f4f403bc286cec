"""English phrases: topics by category, then what fits into any chat.

Add exchanges to a topic as (employee, chatbot). Nothing but text here; the meaning of each field is in `model`.
"""

from livedash_pipeline.local.sample_data.phrases.model import Exchange, Phrases

_WORK: dict[str, tuple[Exchange, ...]] = {
    "SCHEDULE_HOURS": (
        (
            "What time does my shift start on {weekday}?",
            "Your shift on {weekday} starts at {time}. You can see all shifts under My schedule in the staff app.",
        ),
        (
            "Can I swap my {weekday} shift with {name}?",
            "Yes, if {name} agrees. Open the shift, choose Swap, and your planner confirms it within a day.",
        ),
        (
            "When is the schedule for {month} published?",
            "Schedules appear {number} weeks ahead, always on a Thursday. You get a notification in the app.",
        ),
        (
            "I was planned in for two shifts that overlap on {weekday}, is that a mistake?",
            "It looks like it. I can see both shifts; please report it with the button Wrong shift so that planning removes one.",
        ),
    ),
    "LEAVE_VACATION": (
        (
            "How many vacation days do I have left this year?",
            "You have {number} days left. Days from last year expire at the end of {month}.",
        ),
        (
            "How do I ask for a week off in {month}?",
            "In three steps.\n1. Open Leave in the portal.\n2. Choose the dates.\n3. Send the request to your manager.",
        ),
        (
            "Do I get special leave for my sister's wedding?",
            "For the wedding of a brother or sister you get one paid day. Please add the date when you apply.",
        ),
        (
            "My leave request for {weekday} is still open, who approves it?",
            "Your manager {name} approves it. Requests are answered within {number} working days.",
        ),
    ),
    "SICK_LEAVE_RECOVERY": (
        (
            "I woke up ill this morning. How do I call in sick?",
            "I am sorry to hear that. Please call your manager before {time} and report it in the app under Absence.",
        ),
        (
            "Is my salary paid in full while I am on sick leave?",
            "During the first year you receive your full salary; after that the rules of the collective agreement apply.",
        ),
        (
            "I feel better and want to start again on {weekday}, what do I have to do?",
            "Good to hear! Report your recovery in the app before you start, so that planning can put you back on.",
        ),
        (
            "Do I need a doctor's note after {number} days of flu?",
            "No, but the company doctor may invite you for a talk if it lasts longer than a week.",
        ),
    ),
    "SALARY_COMPENSATION": (
        (
            "When is the salary for {month} paid?",
            "Salaries are paid on the 25th. If that is a weekend, you get it on the Friday before.",
        ),
        (
            "My payslip is {amount} euros lower than last month, why?",
            "You worked fewer evening hours, so the allowance is lower. The lines are on page two of the payslip.",
        ),
        (
            'What does "gross-up" mean on my payslip?',
            "It means that the employer pays the tax on that item. Your net amount stays the same.",
        ),
        (
            "Do I get a travel allowance if I cycle to work?",
            "Yes, cyclists get the same allowance per kilometre. Register your distance under Travel in the portal.",
        ),
    ),
    "CONTRACT_HOURS": (
        (
            "Can I change my contract from 32 to 24 hours a week?",
            "You can ask for it. Send the form Change of hours at least two months before the date you want.",
        ),
        (
            "When does my temporary contract end?",
            "Your current contract runs until the end of {month}. You hear a month before whether it is extended.",
        ),
        (
            "After how many contracts do I get a permanent one?",
            "After three temporary contracts or three years, whichever comes first.",
        ),
    ),
    "ONBOARDING": (
        (
            "I start next {weekday}. Where do I have to be on my first day?",
            "Welcome! Please come to the reception at {time}. {name} will show you around.",
        ),
        (
            "Which documents do you need before I can start?",
            "We need three things.\n- a copy of your passport\n- your bank account number\n- the signed contract",
        ),
        (
            "Is there a training for new colleagues?",
            "Yes, the introduction lasts {number} days and is part of your paid hours.",
        ),
    ),
    "OFFBOARDING": (
        (
            "I want to resign, what is my notice period?",
            "Your notice period is one month. It starts on the first day of the month after your letter.",
        ),
        (
            "What happens to my unused vacation days when I leave?",
            "They are paid out with your last salary, together with the holiday allowance that you built up.",
        ),
        (
            "Where do I hand in my laptop on my last day?",
            "At the service desk on the ground floor. {name} signs the return form with you.",
        ),
    ),
    "WORKWEAR_STAFF_PASS": (
        (
            "My work trousers are torn, how do I get new ones?",
            "Order a replacement under Workwear in the portal. It is free of charge and arrives within {number} days.",
        ),
        (
            "I lost my staff pass, what now?",
            "Please block it in the app straight away. A new pass is ready at reception the next working day.",
        ),
        (
            "Which safety shoes am I allowed to wear in the warehouse?",
            "Only shoes of class S3. The list of approved models is in the portal under Workwear.",
        ),
    ),
}

_PEOPLE: dict[str, tuple[Exchange, ...]] = {
    "TEAM_CONTACTS": (
        (
            "Who is the team leader of the night shift?",
            "That is {name}. You find the phone number in the app under My team.",
        ),
        (
            "How can I reach {name} from planning?",
            "By phone between 08:00 and {time}, or with a message in the app.",
        ),
        (
            "Who replaces my manager while she is away in {month}?",
            "{name} takes over for her until she is back.",
        ),
    ),
    "PERSONAL_QUESTIONS": (
        (
            "I moved house, where do I change my address?",
            "In the portal under My details. The change also goes to the payroll office.",
        ),
        (
            "I have a new bank account. Can you pay my salary there?",
            "Please enter it under My details before the 15th, then it counts for the next payment.",
        ),
        (
            "I got married in {month}, do I have to tell you?",
            "Congratulations! Please update your marital status, because it can matter for your pension.",
        ),
    ),
    "ACCESS_LOGIN": (
        (
            "I forgot my password for the portal and the reset mail does not arrive.",
            "The mail goes to your private address. Please check the spam folder; it is valid for {number} hours.",
        ),
        (
            "The app says my account is locked. How do I unlock it?",
            "After five wrong tries it is locked for half an hour. You can then log in again at {time}.",
        ),
        (
            "How do I set up the code app on a new phone?",
            "Log in on a computer, open Security and scan the square code with the new phone.",
        ),
    ),
    "SOCIAL_QUESTIONS": (
        (
            "How are you today? Are you a real person?",
            "I am doing well, thank you! I am a digital assistant, not a person.",
        ),
        ("Do you know a good joke?", "Why did the timetable go to the doctor? It had too many breaks."),
        (
            "Is there a summer party for the staff this year?",
            "Yes, on a Friday in {month}. The staff association sends the invitations.",
        ),
    ),
    "UNRECOGNIZED_OTHER": (
        ("test", "Hello! How can I help you?"),
        (
            "What is the weather going to be like on {weekday}?",
            "I cannot look up the weather. I can help you with questions about your work.",
        ),
        ("asdf qwer 123", "I did not understand that. Could you put it in other words?"),
    ),
}

ENGLISH = Phrases(
    code="en",
    csv_names=("english", "English", "ENGLISH"),
    countries=("GB", "NL", "BA", "IE"),
    people=("Sarah", "Oliver", "Priya", "James", "Hannah", "Tom"),
    weekdays=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    months=("January", "March", "April", "May", "June", "August", "October", "December"),
    greetings=("", "Hi! ", "Hello! ", "Good morning! ", "Hey there. ", "Quick question. "),
    topics=_WORK | _PEOPLE,
    follow_ups=(
        ("And where can I find that?", "In the staff app, in the menu at the top left."),
        ("Does that also hold for part-timers?", "Yes, it is the same for everybody."),
        ("Can I do that on my phone as well?", "Yes, the app has all the functions of the portal."),
        ("ok, and how long does it take?", "Usually no more than {number} working days."),
        (
            "I don't quite understand, can you explain it again?",
            "Of course. Open the app, choose your name, and follow the steps on the screen.",
        ),
    ),
    details=(
        "Some details\n- location, distribution centre north\n- team of {name}\n- since {month}",
        "What I tried so far\n1. the app\n2. the website\n\nNeither of them worked.",
    ),
    positive_notes=("Thanks in advance, you are always so helpful!", "This bot is great by the way :)"),
    negative_notes=("This is really annoying.", "I am fed up with asking this again and again!"),
    positive_closings=(
        ("Great, thank you very much!", "You are welcome! Have a nice day."),
        ("Perfect, that is exactly what I needed 😊", "Glad I could help!"),
    ),
    negative_closings=(
        ("This does not help me at all.", "I am sorry. I pass your remark on."),
        (
            "What a useless answer, I have been waiting for weeks!",
            "I understand that this is frustrating, and I am sorry.",
        ),
    ),
    escalations=(
        ("I want to speak to a supervisor.", "I understand. I ask your supervisor to call you back today."),
        (
            "Can I talk to a manager about this, please?",
            "Certainly, I have passed your question on to the manager on duty.",
        ),
    ),
    hr_forwards=(
        ("Who in HR can I ask about this?", "You can reach the HR desk at hr@staff.example or on extension 4400."),
        (
            "Please put me in touch with HR.",
            "I have forwarded your question to HR. They answer within {number} working days.",
        ),
    ),
)
